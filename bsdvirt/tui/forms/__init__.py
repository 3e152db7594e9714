"""The wizard and the forms, made from the declarations of properties. `open.py` opens them."""
