"""Ray: started on this machine or found at an address, and left as it was found."""
