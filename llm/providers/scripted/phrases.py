"""What the scripted provider can say by itself, in five languages."""

PHRASES = {
    "en": {
        "greeting": [
            "Hi {name}! 👋 What can I do for you?",
            "Hello {name}! How can I help?",
            "Hey {name}, good to see you. What's up?",
        ],
        "thanks": ["You're welcome! 🙂", "Any time, {name}!", "Glad I could help."],
        "who": [
            "I'm {bot}, the assistant in this chat. Ask me anything; I answer what I know.",
            "{bot} here: an assistant. I read along and speak up when I can help.",
        ],
        "help": [
            "Ask me about what I was told here, the date or time, a sum, or let me roll "
            "a die or toss a coin.",
        ],
        "picture": ["I got your picture ({value}), {name}. A real model would see it."],
        "film": [
            "I got {value} stills of your video, {name}. A real model would see it."
        ],
        "time": ["It is {value}."],
        "date": ["Today is {value}."],
        "sum": ["That's {value}.", "{value}", "I get {value}."],
        "coin": ["🪙 {value}!"],
        "heads": ["Heads"],
        "tails": ["Tails"],
        "die": ["🎲 You rolled a {value}."],
        "said": ["{name} wrote earlier: “{value}”"],
        "fact": [
            "{value}",
            "As far as I know: {value}",
            "Here is what I have: {value}",
        ],
        "media": [
            "Thanks, {name}! I can't open that here; tell me in words what you need.",
            "I can't look at that yet. What is it about?",
        ],
        "follow-up": [
            "I have told you all I know about that, I'm afraid. A person here may know more.",
            "More than that I don't know. What exactly do you need, {name}?",
        ],
        "unknown": [
            "Good question! I don't know that one, and I'd rather not guess.",
            "I'm not sure, {name}. Nobody has told me about that yet.",
            "That I don't know, sorry. Maybe someone here does?",
        ],
        "statement": [
            "Got it, {name}.",
            "Noted. Tell me if I can help with something.",
            "I see. Anything that I can do?",
        ],
        "sorry": ["Sorry, {name}! I'll keep quiet.", "Understood, I'll step back."],
    },
    "pt": {
        "greeting": ["Oi, {name}! 👋 Como posso ajudar?", "Olá, {name}! Tudo bem?"],
        "thanks": ["De nada! 🙂", "Imagina, {name}!"],
        "who": ["Sou {bot}, o assistente desta conversa. Respondo o que eu souber."],
        "time": ["São {value}."],
        "date": ["Hoje é {value}."],
        "said": ["{name} escreveu antes: “{value}”"],
        "fact": ["{value}", "Pelo que sei: {value}"],
        "follow-up": ["Mais do que isso eu não sei, {name}."],
        "unknown": [
            "Boa pergunta! Isso eu não sei, e prefiro não chutar.",
            "Não sei, {name}. Talvez alguém aqui saiba?",
        ],
        "statement": ["Entendi, {name}.", "Certo! Se precisar, é só chamar."],
        "sorry": ["Desculpe, {name}! Vou ficar quieto."],
    },
    "es": {
        "greeting": ["¡Hola, {name}! 👋 ¿En qué te ayudo?", "¡Hola! ¿Qué tal, {name}?"],
        "thanks": ["¡De nada! 🙂", "¡Con gusto, {name}!"],
        "who": ["Soy {bot}, el asistente de este chat. Respondo lo que sé."],
        "time": ["Son las {value}."],
        "date": ["Hoy es {value}."],
        "said": ["{name} escribió antes: “{value}”"],
        "fact": ["{value}", "Según lo que sé: {value}"],
        "follow-up": ["Más que eso no sé, {name}."],
        "unknown": [
            "¡Buena pregunta! No lo sé, y prefiero no adivinar.",
            "No lo sé, {name}. ¿Quizás alguien aquí lo sepa?",
        ],
        "statement": ["Entendido, {name}.", "Vale. Si necesitas algo, dime."],
        "sorry": ["¡Perdón, {name}! Me callo."],
    },
    "de": {
        "greeting": [
            "Hallo {name}! 👋 Was kann ich tun?",
            "Hi {name}, wie kann ich helfen?",
        ],
        "thanks": ["Gern geschehen! 🙂", "Immer gern, {name}!"],
        "who": [
            "Ich bin {bot}, der Assistent in diesem Chat. Ich antworte, was ich weiß."
        ],
        "time": ["Es ist {value}."],
        "date": ["Heute ist {value}."],
        "said": ["{name} schrieb vorhin: „{value}“"],
        "fact": ["{value}", "Soweit ich weiß: {value}"],
        "follow-up": ["Mehr weiß ich dazu leider nicht, {name}."],
        "unknown": [
            "Gute Frage! Das weiß ich nicht, und raten will ich nicht.",
            "Das weiß ich nicht, {name}. Vielleicht jemand anderes hier?",
        ],
        "statement": [
            "Verstanden, {name}.",
            "Alles klar. Sag Bescheid, wenn ich helfen kann.",
        ],
        "sorry": ["Entschuldige, {name}! Ich bin still."],
    },
    "fr": {
        "greeting": ["Salut {name} ! 👋 Comment puis-je aider ?", "Bonjour {name} !"],
        "thanks": ["De rien ! 🙂", "Avec plaisir, {name} !"],
        "who": ["Je suis {bot}, l'assistant de ce chat. Je réponds à ce que je sais."],
        "time": ["Il est {value}."],
        "date": ["Nous sommes le {value}."],
        "said": ["{name} a écrit plus tôt : « {value} »"],
        "fact": ["{value}", "D'après ce que je sais : {value}"],
        "follow-up": ["Je n'en sais pas plus, {name}."],
        "unknown": [
            "Bonne question ! Je ne sais pas, et je préfère ne pas deviner.",
            "Je ne sais pas, {name}. Quelqu'un ici, peut-être ?",
        ],
        "statement": ["Compris, {name}.", "D'accord. Dis-moi si je peux aider."],
        "sorry": ["Pardon, {name} ! Je me tais."],
    },
}
