"""`dockyard record`: what a ship did."""

from dockyard.cli import context, report


def record(number: str = "last", /, *, all: bool = False, json: bool = False) -> None:
    """Show what a ship did: digests, sizes, timings, findings, verdict, signature, rollout.

    Args:
        number: the record's number or its beginning; the newest one by default.
        all: list every record instead.
        json: print one JSON document.
    """
    from dockyard.pipeline import record as records

    folder = context.data_folder() / "records"
    if all:
        documents = [records.load(folder, each) for each in records.numbers(folder)]
        rows = [[d["record"], d["status"], d.get("reference", ""), f"{d.get('seconds', 0):.1f} s"] for d in documents]
        if json:
            report.result(documents)
        else:
            report.table(["RECORD", "STATUS", "IMAGE", "TIME"], rows)
        return
    document = records.load(folder, number)
    if json:
        report.result(document)
    else:
        print(records.page(document), end="")
