"""Forms for guests and other objects, made from the declarations of spec/."""
