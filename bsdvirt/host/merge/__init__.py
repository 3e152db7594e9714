"""Three-way merge of roots: what a guest changed in a release, and what a newer one changes."""
