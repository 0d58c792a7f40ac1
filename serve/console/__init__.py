"""The console: pages that browsers get from the API's own application, and a session instead of a header.

Nothing here knows data: the pages ask the API like everybody else, so what a person sees is bound where everybody's
is. They are static (ES modules, one style sheet, one table of words): any replica can answer, no build step runs on
anybody's machine, and the content policy allows nothing from elsewhere. Charts and the map are a few SVG shapes drawn
by hand: the chart libraries that come in Python packages need inline styles, which that policy forbids. What a
patrol's tablet keeps, so that its page opens without a connection, is these files alone (``static/worker.js``): by them
nobody who finds it learns anything.
"""
