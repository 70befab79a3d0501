// Sorts a table by the column whose heading is pressed, and filters the rows of one table.
(() => {
  "use strict";
  const language = document.documentElement.lang;
  const order = new Intl.Collator(language, { numeric: true });
  const raw = (cell) => {
    const number = cell?.querySelector("data");
    return number ? Number(number.value) : null;
  };

  const sort = (table, column, up) => {
    const body = table.tBodies[0];
    const rows = [...body.rows].map((row) => ({
      row,
      number: raw(row.cells[column]),
      text: row.cells[column].textContent.trim(),
    }));
    const numbers = rows.some(({ number }) => number !== null);
    rows.sort((a, b) => {
      if (!numbers) return (up ? 1 : -1) * order.compare(a.text, b.text);
      // What is no number stays at the end.
      if (a.number === null || b.number === null) return (a.number === null) - (b.number === null);
      return (up ? 1 : -1) * (a.number - b.number);
    });
    body.append(...rows.map(({ row }) => row));
  };

  document.querySelectorAll("table[data-sort]").forEach((table) => {
    const headings = [...table.tHead.rows[0].cells];
    headings.forEach((heading, column) => {
      heading.querySelector("button").addEventListener("click", () => {
        const before = heading.getAttribute("aria-sort");
        // Numbers begin with the largest, names with the first.
        const first = [...table.tBodies[0].rows].some((row) => raw(row.cells[column]) !== null)
          ? "descending"
          : "ascending";
        const other = first === "descending" ? "ascending" : "descending";
        const now = before === first ? other : first;
        headings.forEach((each) => each.removeAttribute("aria-sort"));
        heading.setAttribute("aria-sort", now);
        sort(table, column, now === "ascending");
      });
    });
  });

  document.querySelectorAll("[data-filters]").forEach((filters) => {
    const table = document.getElementById(filters.dataset.filters);
    const rows = [...table.tBodies[0].rows];
    const controls = [...filters.querySelectorAll("[data-filter]")];
    const status = filters.querySelector("[role=status]");
    const money = filters.dataset.symbol ?? "";
    const amount = new Intl.NumberFormat(language, { maximumFractionDigits: 0 });
    const written = (value) => {
      const whole = Math.round(value);
      return `${whole < 0 ? "\u2212" : ""}${money}${amount.format(Math.abs(whole))}`;
    };
    const holds = (row, control) => {
      const wanted = control.value.trim().toLocaleLowerCase(language);
      const { filter } = control.dataset;
      if (!wanted) return true;
      if (filter === "direction") return row.dataset.direction === wanted;
      const text = row.cells[Number(filter)].textContent.trim().toLocaleLowerCase(language);
      return control.type === "search" ? text.includes(wanted) : text === wanted;
    };
    const apply = () => {
      rows.forEach((row) => (row.hidden = !controls.every((control) => holds(row, control))));
      const shown = rows.filter((row) => !row.hidden);
      status.textContent = status.dataset.shown
        .replace("{shown}", shown.length)
        .replace("{all}", rows.length);
      table.querySelectorAll("[data-sum]").forEach((cell) => {
        const column = Number(cell.dataset.sum);
        cell.textContent = written(shown.reduce((sum, row) => sum + (raw(row.cells[column]) ?? 0), 0));
      });
    };
    controls.forEach((control) => control.addEventListener("input", apply));
    filters.querySelector("[data-reset]").addEventListener("click", () => {
      controls.forEach((control) => (control.value = ""));
      apply();
    });
    filters.hidden = false;
    table.tFoot.hidden = false;
    apply();
  });
})();
