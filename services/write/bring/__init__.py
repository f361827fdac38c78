"""Bringing people and pictures along from another system."""
