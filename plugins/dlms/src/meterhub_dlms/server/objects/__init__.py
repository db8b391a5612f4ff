"""The classes of COSEM objects that the server has (IEC 62056-6-2), each in a module of its own."""
