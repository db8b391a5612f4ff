"""What plugins are made of works inside: threads, asyncio, SQLite, and libraries in C that are imported late."""

from __future__ import annotations

from typing import Any

import pytest

MEMORY = 128 * 1024 * 1024


@pytest.mark.usefixtures("files_confined")
def test_threads_and_asyncio_work(anyone: Any) -> None:
    found = anyone.inside(
        """
        import asyncio, signal, threading
        async def work():
            loop = asyncio.get_running_loop()
            stopped = asyncio.Event()
            loop.add_signal_handler(signal.SIGTERM, stopped.set)
            names = await asyncio.gather(*(asyncio.to_thread(threading.get_ident) for _ in range(20)))
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.wait_for(stopped.wait(), 10)
            return len(names)
        started = threading.Thread(target=lambda: results.append(attempt((outside / "secret").read_text)))
        results = []
        started.start()
        started.join()
        answer(work=asyncio.run(work()), thread=results)
        """,
        memory=MEMORY,
    )
    assert found == {"work": 20, "thread": ["EACCES"]}


def test_sqlite_in_wal_mode_works_in_the_own_directory(anyone: Any) -> None:
    found = anyone.inside(
        """
        import sqlite3
        with sqlite3.connect(own / "store.db") as writer, sqlite3.connect(own / "store.db") as reader:
            mode = writer.execute("PRAGMA journal_mode = WAL").fetchone()[0]
            writer.execute("PRAGMA mmap_size = 1000000")
            writer.execute("CREATE TABLE readings (value)")
            writer.executemany("INSERT INTO readings VALUES (?)", [(number,) for number in range(1000)])
            writer.commit()
            files = sorted(path.name for path in own.iterdir())
            answer(mode=mode, files=files, count=reader.execute("SELECT count(*) FROM readings").fetchone()[0])
        """,
        memory=MEMORY,
    )
    assert found == {"mode": "wal", "files": ["store.db", "store.db-shm", "store.db-wal"], "count": 1000}


def test_libraries_with_c_extensions_can_be_imported_late(bench: Any) -> None:
    found = bench.inside(
        """
        import msgspec, pydantic, ssl, zoneinfo
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        class Settings(pydantic.BaseModel):
            baud: int
        key = Ed25519PrivateKey.generate()
        key.public_key().verify(key.sign(b"x"), b"x")
        answer(baud=Settings(baud="9600").baud, packed=msgspec.msgpack.decode(msgspec.msgpack.encode([1, 2])),
               tls=ssl.create_default_context().verify_mode.name, zone=str(zoneinfo.ZoneInfo("Europe/Berlin")))
        """,
        memory=MEMORY,
    )
    assert found == {"baud": 9600, "tls": "CERT_REQUIRED", "packed": [1, 2], "zone": "Europe/Berlin"}


def test_psutil_sees_the_own_process_and_the_machine(bench: Any) -> None:
    found = bench.inside(
        """
        import mimetypes, psutil
        own_process = psutil.Process()
        answer(memory=own_process.memory_info().rss > 0, time=own_process.cpu_times().user >= 0,
               total=psutil.virtual_memory().total > 0, cores=os.cpu_count() > 0,
               type=mimetypes.guess_type("page.html")[0])
        """
    )
    assert found == {"memory": True, "time": True, "total": True, "cores": True, "type": "text/html"}
