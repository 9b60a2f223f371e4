"""The library that the chapters of Kernel by Kernel import."""
