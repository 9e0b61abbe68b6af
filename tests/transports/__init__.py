"""How bytes leave, against real and scripted mail servers on loopback."""
