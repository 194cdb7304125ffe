"""Every line of a consumer's log, in one place and one voice.

Never a payload, a header, a token, or the parameters of an SQL statement. None of these functions
raises anything, whatever becomes of the line: the threads that call them have jobs to see to.
"""
