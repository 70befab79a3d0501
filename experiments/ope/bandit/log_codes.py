"""Numbers for a log's decisions, actions and clusters, in tables of its database."""

from promopilot.experiments.errors import LogError
from promopilot.experiments.ope.bandit.table import ROW, Table
from promopilot.experiments.ope.log_rules import one_action_only


def make_codes(table: Table) -> tuple[str, ...]:
    """Makes tables `decision (decision_id)`, `action (action)` and, with clusters, `unit (unit)`.

    Each has a column `code`, 0 for the first of its ids in the order of the alphabet.

    Returns:
        The names of the actions in the order of their codes.

    Raises:
        LogError: the log shows one action only.
    """
    _code(table, "decision", "decision_id", "decision_id", "all")
    _code(table, "action", "action", "action", "distinct")
    if "cluster_id" in table.types:
        _code(table, "unit", "unit", "cluster_id", "distinct")
    found = table.database.connection.execute("select action from action order by code").fetchall()
    if len(found) == 1:
        raise one_action_only(table.name, found[0][0], table.count)
    return tuple(str(row[0]) for row in found)


def refuse_repeated(table: Table) -> None:
    """Refuses a log with two rows of one decision.

    Raises:
        LogError: naming the first row whose decision stood there before.
    """
    decision = table.text("decision_id")
    found = table.database.one(f"select count(distinct {decision}) from {table.source}")
    if found is not None and found[0] == table.count:
        return
    twice = f"select {decision} from {table.source} group by 1 having count(*) > 1"
    later = (
        f"select unnest(list_sort(list({ROW}))[2:]) from {table.source} "
        f"where {decision} in ({twice}) group by {decision}"
    )
    row, name = table.first(f"{ROW} in ({later})", [decision])
    raise LogError(
        f"{table.name}, row {row}: decision_id {name!r} stands there twice; a decision has one row."
    )


def _code(table: Table, name: str, kept: str, column: str, which: str) -> None:
    """Makes the table `name` of the `which` ("all" or "distinct") values of a column."""
    table.database.connection.execute(
        f"create table {name} as "
        f"select {kept}, row_number() over (order by {kept}) - 1 as code "
        f"from (select {which} {table.text(column)} as {kept} from {table.source})"
    )
