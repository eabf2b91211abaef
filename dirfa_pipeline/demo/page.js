// Runs when the page is loaded.
() => document.addEventListener("keydown", (event) => {
  if (event.key !== "Tab" || event.target.role !== "combobox") return;
  event.stopPropagation();  // Gradio opens a dropdown's list on any key, also on the one that leaves it
  for (const list of document.querySelectorAll(".option-list")) list.tabIndex = -1;  // it scrolls: Tab would stop there
}, true);
