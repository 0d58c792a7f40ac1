"""What newly stands still in a camera's picture: two backgrounds of different rates, and what differs between them."""

from flows.objects.book import ObjectBook

__all__ = ["ObjectBook"]
