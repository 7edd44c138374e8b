// The colours that the viewer chose, before anything is drawn. A classic script: it runs while the head is read.
{
  const chosen = localStorage.getItem("timebudget-theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
}
