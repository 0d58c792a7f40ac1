"""Files that strangers send: told by their content, bounded in size, and decoded only in a process that may die.

The service never decodes an upload itself. :class:`flows.uploads.inspector.Inspector` keeps one helper process; that
one forks a child for each file, with limits on processor time, memory, open files and what it may write, and kills it
when its time is over (:mod:`flows.uploads.helper`). What comes back is small, typed, and checked again.
"""
