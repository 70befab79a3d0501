"""Tables larger than memory: read, checked and scored in parts by Ray Data, in their order."""
