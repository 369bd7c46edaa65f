"""All that a child process imports: the standard library, the trainer contract and one trainer."""
