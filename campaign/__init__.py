"""Campaigns against variate: files are spoiled, runs killed, machines starved and options misused, by the thousand."""
