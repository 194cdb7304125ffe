"""What holders of the secret may ask of a Zope."""
