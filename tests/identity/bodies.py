"""Requests by hand: what the suites send where a client would hide the answer's head."""

META = {"io.modelcontextprotocol/protocolVersion": "2026-07-28"}
CHAT = {"model": "chat", "messages": [{"role": "user", "content": "hi"}]}
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "by-hand", "version": "1"},
    },
}


def call(tool: str, arguments: dict) -> tuple[dict, dict]:
    """A call of the revision without sessions: its body, and the headers that repeat it."""
    meta = META | {
        "io.modelcontextprotocol/clientInfo": {"name": "by-hand", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    body = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": tool, "arguments": arguments, "_meta": meta},
    }
    headers = {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call", "Mcp-Name": tool}
    return body, headers
