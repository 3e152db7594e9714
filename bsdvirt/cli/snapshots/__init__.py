"""The actions of the verb snapshot that print more than outcomes."""
