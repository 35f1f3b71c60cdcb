"""Trained models as an HTTP API: a face over runs, tasks and evaluation, in which nothing is computed.

    application         the ASGI application: its routes, to which other pages can be added
    access              who may ask: token, Host, Origin
    bodies              the bytes of a request, within limits of size and time
    formats, given      from bytes to rows: JSON, npy, Arrow, images
    options             what a route takes besides rows
    models, actions     what is done with the rows by a model that one thread owns
    worker, batching    that thread, its queue, and requests that are computed together
    answers, failures   from results and errors to bytes
    description, page   OpenAPI, and the page that is made of it
    connections, server the server process, slow clients, signals

A request goes down this list once. Packages of the extra `serve` are imported here and nowhere else.
"""
