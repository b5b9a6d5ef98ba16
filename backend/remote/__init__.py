"""The backend on another computer: started there by the system's own ssh, and reached through a forwarded port."""
