-- Run once, when the volume is new. The passwords stay within the containers' own network.
CREATE DATABASE whatsapp_agent;
CREATE DATABASE evolution;
