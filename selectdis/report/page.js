"use strict";
// Leaderboards sort by the column whose name is pressed; what has no value stays last.
for (const table of document.querySelectorAll("table.board")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    head.querySelector("button").addEventListener("click", () => {
      const rows = [...table.tBodies[0].rows];
      const isNumber = rows.some((row) => row.cells[column].dataset.value !== undefined);
      // Numbers start with the highest (ranks and words with the lowest); a second press turns it round.
      const first = isNumber && column > 0 ? "descending" : "ascending";
      const other = first === "ascending" ? "descending" : "ascending";
      const order = head.getAttribute("aria-sort") === first ? other : first;
      const sign = order === "ascending" ? 1 : -1;
      const value = (row) => row.cells[column].dataset.value;
      rows.sort((a, b) => {
        if (!isNumber) {
          return sign * a.cells[column].textContent.localeCompare(b.cells[column].textContent, "en", { numeric: true });
        }
        const [x, y] = [value(a), value(b)];
        if (x === undefined || y === undefined) return (x === undefined) - (y === undefined);
        return sign * (Number(x) - Number(y));
      });
      heads.forEach((one) => one.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", order);
      table.tBodies[0].append(...rows);
    });
  });
}
