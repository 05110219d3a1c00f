"""The job `provision`: the steps of the saga, and who does them."""
