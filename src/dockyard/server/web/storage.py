"""What the registry holds, and whether it is whole."""

import shutil

from sqlalchemy import func, select

from dockyard.server.jobs import history
from dockyard.server.rules import quota
from dockyard.server.schema.content import BLOB, DELETION, MANIFEST, REFERENCE, REPOSITORY_BLOB, TAG
from dockyard.server.schema.projects import REPOSITORY
from dockyard.server.web import jobs
from dockyard.server.web.answer import Answer, Page, View
from dockyard.server.web.visit import Visit

_SHOWN = 200
_DUE = 20


def _show(visit: Visit) -> Answer:
    visit.demand("", "storage", "read")
    with visit.desk.database.read() as connection:
        blobs, total = connection.execute(select(func.count(), func.coalesce(func.sum(BLOB.c.size), 0))).one()
        counts = {
            name: int(connection.execute(select(func.count()).select_from(table)).scalar_one())
            for name, table in (("repositories", REPOSITORY), ("manifests", MANIFEST), ("tags", TAG), ("due", DELETION))
        }
        queue = select(DELETION.c.digest, DELETION.c.due_at, BLOB.c.size).join_from(
            DELETION, BLOB, BLOB.c.digest == DELETION.c.digest, isouter=True
        )
        needed = (
            select(REFERENCE.c.child)
            .join_from(
                REPOSITORY_BLOB,
                REFERENCE,
                (REFERENCE.c.repository_id == REPOSITORY_BLOB.c.repository_id)
                & (REFERENCE.c.child == REPOSITORY_BLOB.c.digest),
            )
            .where(REPOSITORY_BLOB.c.digest == DELETION.c.digest)
            .exists()
        )
        queue = queue.add_columns(needed.label("needed"))
        due = connection.execute(queue.order_by(DELETION.c.due_at, DELETION.c.digest).limit(_DUE)).all()
        waiting = select(func.coalesce(func.sum(BLOB.c.size), 0)).join_from(
            DELETION, BLOB, BLOB.c.digest == DELETION.c.digest
        )
        counts["due_bytes"] = int(connection.execute(waiting).scalar_one())
    projects = sorted(quota.quotas(visit.desk.database), key=lambda each: -each.used)
    checks = history.jobs(visit.desk.database, name="verify", count=5)
    disk = shutil.disk_usage(visit.desk.folder) if "://" not in visit.desk.settings.storage else None
    words = {"blobs": int(blobs), "total": int(total), "counts": counts, "checks": checks, "disk": disk, "due": due}
    most = max((each.used for each in projects), default=0)
    sums = {"projects": projects[:_SHOWN], "left": max(0, len(projects) - _SHOWN), "most": most}
    return Page("storage.html", {**words, **sums, "summed": sum(each.used for each in projects)})


VIEW = View(_show, {"run": jobs.RUN})
