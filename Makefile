PYTHON ?= python3
BIN = .venv/bin
PIP = $(BIN)/pip install --quiet --disable-pip-version-check

.PHONY: run setup test fuzz lint format audit bench bench-cost bench-economy bench-growth bench-knowledge bench-lab bench-pages bench-pruning bench-scale bench-upgrade torture torture-full power vendor screenshots

.venv/bin/pip:
	$(PYTHON) -m venv .venv

# What running takes, and what developing takes besides.
.venv/run: requirements.txt | .venv/bin/pip
	$(PIP) -r requirements.txt
	touch $@

.venv/dev: requirements.txt requirements-dev.txt | .venv/bin/pip
	$(PIP) -r requirements-dev.txt
	touch $@ .venv/run

.venv/bench: requirements-bench.txt .venv/dev
	$(PIP) -r requirements-bench.txt
	touch $@

# The secrets of this installation, made once.
.env: | .venv/bin/pip
	@umask 077 && $(BIN)/python -c 'import secrets as s; print("SECRET_KEY=%s\nWEBHOOK_SECRET=%s\nADMIN_PASSWORD=%s" % (s.token_urlsafe(50), s.token_urlsafe(32), s.token_urlsafe(9)))' > .env

# Safe while an older version runs.
setup: .venv/run .env
	$(BIN)/python manage.py setup

run: setup
	$(BIN)/python manage.py run

test: .venv/bench
	$(BIN)/pytest -n 2 --dist loadfile $(ARGS)
ifdef TEST_POSTGRES_URL
	DATABASE_URL=$(TEST_POSTGRES_URL) $(BIN)/pytest -n 2 --dist loadfile -m "not slow and not browser and not sqlite" $(ARGS)
endif

# Much longer, and other examples each time.
FUZZ = 50
fuzz: .venv/dev
	FUZZ=$(FUZZ) $(BIN)/pytest tests/fuzz $(ARGS)

lint: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	git ls-files -z '*.html' | xargs -0 -r $(BIN)/djade --check --target-version 5.2
	DEBUG=1 $(BIN)/python manage.py makemigrations --check --dry-run

format: .venv/dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	git ls-files -z '*.html' | xargs -0 -r $(BIN)/djade --target-version 5.2

# Asks pypi.org for known vulnerabilities, hence no part of `make lint`.
audit: .venv/run
	$(PIP) pip-audit==2.10.1
	$(BIN)/pip-audit --requirement requirements.txt --disable-pip --no-deps

bench: .venv/bench
	$(BIN)/python -m bench
	$(BIN)/python -m bench.plot

bench-cost: .venv/dev
	$(BIN)/python -m bench.cost

bench-pages: .venv/dev
	$(BIN)/python -m bench.pages

bench-growth: .venv/dev
	$(BIN)/python -m bench.growth

bench-knowledge: .venv/dev
	$(BIN)/python -m bench.knowledge $(ARGS)

bench-lab: .venv/dev
	$(BIN)/python -m bench.lab $(ARGS)

bench-pruning: .venv/dev
	$(BIN)/python -m bench.pruning $(ARGS)

bench-scale: .venv/dev
	$(BIN)/python -m bench.scale

bench-upgrade: .venv/dev
	$(BIN)/python -m bench.upgrade $(ARGS)

bench-economy: .venv/dev
	$(BIN)/python -m bench.economy

torture: .venv/dev
	$(BIN)/python -m bench.torture $(ARGS)

# 10,000 messages, and timeouts as in production.
torture-full: .venv/dev
	$(BIN)/python -m bench.torture --control none --messages 10000 --conversations 500 --send-timeout 70 --seconds-between-kills 3 6 $(ARGS)

# The plug is pulled: what had not been synced is gone.
power: .venv/dev
	$(BIN)/python -m bench.power $(ARGS)

screenshots: .venv/dev
	$(BIN)/python -m tests.browser.screenshots $(ARGS)

# The front-end's two libraries, as npm has them.
HTMX = 2.0.11
IDIOMORPH = 0.8.0
vendor:
	cd static/vendor && npm pack --silent htmx.org@$(HTMX) idiomorph@$(IDIOMORPH)
	cd static/vendor && tar xzf htmx.org-$(HTMX).tgz --strip-components=2 package/dist/htmx.min.js
	cd static/vendor && tar xzOf htmx.org-$(HTMX).tgz package/LICENSE > htmx.LICENSE
	cd static/vendor && tar xzf idiomorph-$(IDIOMORPH).tgz --strip-components=2 package/dist/idiomorph-ext.min.js
	cd static/vendor && tar xzOf idiomorph-$(IDIOMORPH).tgz package/LICENSE > idiomorph.LICENSE
	rm static/vendor/*.tgz
