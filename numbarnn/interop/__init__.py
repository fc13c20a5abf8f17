"""Adapters to other time-series libraries, each an optional extra.

Nothing here is imported with numbarnn; `numbarnn.interop.sktime` needs sktime and `numbarnn.interop.aeon` needs aeon.
"""
