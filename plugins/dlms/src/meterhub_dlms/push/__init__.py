"""``dlms-push``: takes what meters send by themselves."""
