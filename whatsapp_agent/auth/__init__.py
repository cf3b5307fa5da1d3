"""Who comes in: by password here, or through an OpenID Connect provider."""
