"""selectdis"""
