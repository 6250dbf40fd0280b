"use strict";
// Sorts a table by the column whose heading is pressed; once more turns it round. Numbers sort by data-value.
for (const table of document.querySelectorAll("table.sortable")) {
  const headings = [...table.tHead.rows[0].cells];
  headings.forEach((heading, column) => {
    const key = (row) => row.cells[column].dataset.value ?? row.cells[column].textContent;
    const compare = (one, other) => {
      const [a, b] = [key(one), key(other)];
      const difference = Number(a) - Number(b);
      return a === "" || b === "" || Number.isNaN(difference) ? a.localeCompare(b, undefined, { numeric: true }) : difference;
    };
    heading.querySelector("button").addEventListener("click", () => {
      const order = heading.getAttribute("aria-sort") === "descending" ? 1 : -1;
      headings.forEach((other) => other.removeAttribute("aria-sort"));
      heading.setAttribute("aria-sort", order > 0 ? "ascending" : "descending");
      const rows = [...table.tBodies[0].rows].sort((one, other) => order * compare(one, other));
      table.tBodies[0].append(...rows);
    });
  });
}
