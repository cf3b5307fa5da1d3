PYTHON ?= python3
BIN = .venv/bin

.PHONY: install run test lint format bench torture

install: .venv/installed

.venv/installed: requirements.txt requirements-dev.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	touch $@

# The secrets of this installation, made once.
.env: | install
	@umask 077 && $(BIN)/python -c 'import secrets as s; print("SECRET_KEY=%s\nWEBHOOK_SECRET=%s\nADMIN_PASSWORD=%s" % (s.token_urlsafe(50), s.token_urlsafe(32), s.token_urlsafe(9)))' > .env

run: install .env
	$(BIN)/python manage.py setup
	$(BIN)/python manage.py run

test: install
	$(BIN)/pytest -n 2 $(ARGS)

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	git ls-files -z '*.html' | xargs -0 -r $(BIN)/djade --check --target-version 5.2
	DEBUG=1 $(BIN)/python manage.py makemigrations --check --dry-run

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	git ls-files -z '*.html' | xargs -0 -r $(BIN)/djade --target-version 5.2

bench: install
	$(BIN)/python -m bench

torture: install
	$(BIN)/python -m bench.torture
