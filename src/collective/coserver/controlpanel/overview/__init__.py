"""What goes on: queues, consumers, failures, and what is wrong."""
