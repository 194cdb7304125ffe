"""What a consumer says while it runs: every line of its log, in one place and one voice.

Never a payload, a header, a token, or the parameters of an SQL statement. None of these functions
raises anything, whatever becomes of the line: the threads that call them have jobs to see to.
"""
