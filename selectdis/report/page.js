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
// A table as a CSV file: with the numbers that it is sorted by, and nothing that a spreadsheet would run.
const field = (text) => `"${(/^[=+\-@\t\r]/.test(text) && isNaN(Number(text)) ? "'" : "") + text.replaceAll('"', '""')}"`;
for (const button of document.querySelectorAll("button.csv")) {
  const table = button.closest("details").querySelector("table");
  button.hidden = false;
  button.addEventListener("click", () => {
    const names = [...table.tHead.rows[0].cells].map((cell) => cell.querySelector("button").textContent);
    const rows = [...table.tBodies[0].rows].map((row) =>
      [...row.cells].map((cell) => (cell.tagName === "TH" ? cell.textContent : cell.dataset.value ?? "")));
    const text = [names, ...rows].map((row) => row.map(field).join(",")).join("\n");
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
    link.download = `${table.dataset.name.replace(/[^\w.-]+/g, "-")}.csv`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  });
}
// What a point stands for, where a finger has no pointer to rest.
const told = document.getElementById("told");
document.addEventListener("click", (event) => {
  const point = event.target.closest("g.point");
  told.hidden = !point;
  told.textContent = point ? point.querySelector("title").textContent : "";
});
// On paper everything is open.
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((one) => (one.open = true)));
