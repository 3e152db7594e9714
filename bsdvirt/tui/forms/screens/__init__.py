"""The screens of forms, and the controls on them."""
