"""The soak: the cluster profile with everything running under a modest load for an hour, and whether its figures stay flat."""
