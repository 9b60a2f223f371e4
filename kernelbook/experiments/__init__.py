"""Measurements that take longer than a chapter may: scripts, their results as JSON beside them, the recipe in words.

A chapter or a lab reads the results; a test runs a small part of each script again and compares.
"""
