"""The program that runs inside a worker process: verified import, then the services of a plugin.

It belongs to the core's distribution; plugins see only the SDK's ``Hub``.
"""
