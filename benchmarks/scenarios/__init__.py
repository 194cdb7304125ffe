"""What is measured, one scenario a module: ``run(options)`` returns an ``Outcome``."""
