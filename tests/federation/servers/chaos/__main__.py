"""A server that does everything wrong when it is asked to, in both generations, and well otherwise.

    python chaos http PORT
    python chaos stdio
"""

import asyncio
import sys

import over_http
import over_stdio

if sys.argv[1] == "stdio":
    asyncio.run(over_stdio.serve())
else:
    asyncio.run(over_http.serve(int(sys.argv[2])))
