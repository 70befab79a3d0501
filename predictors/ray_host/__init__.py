"""A predictor that several processes share: hosted on Ray, in replicas around a `LocalHost` each.

The replicas are named actors, and not a deployment of Ray Serve: Serve is made to answer the web,
and for that runs a controller and a proxy beside the replicas, needs a web server's packages, and
routes each request through a queue of its own. Here all who ask are processes of one run, and the
batching, each text encoded once, is the `LocalHost`'s already. An actor has all the rest: a share
of a GPU, restarts, and an end with the run.

Whoever asks imports no torch: that is where sharing saves memory.
"""
