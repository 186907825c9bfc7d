{
  // The rows and findings that hold all words of the field; without scripts the field does not show.
  const field = document.getElementById("words");
  const parts = [...document.querySelectorAll(".matrix tbody tr, section.cell, details.shared")];
  const texts = parts.map((part) => part.textContent.toLowerCase());
  const rows = new Map(parts.map((part, at) => [part.id, at]));
  parts.forEach((part, at) => {
    const row = rows.get(part.dataset.row);
    if (row !== undefined) {
      // A row is found by what its cells tell, and what its cells tell by the row.
      const own = texts[at];
      texts[at] += " " + parts[row].textContent.toLowerCase();
      texts[row] += " " + own;
    }
  });
  const filter = () => {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    parts.forEach((part, at) => {
      part.hidden = !words.every((word) => texts[at].includes(word));
    });
  };
  field.addEventListener("input", filter);
  field.hidden = false;
  filter();
}
