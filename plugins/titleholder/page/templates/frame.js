(() => {
  // In Airflow's frame: follow its switch for light and dark, and lead links out of the frame,
  // which itself lets none out. Elsewhere the page needs no script.
  const airflow = window.parent;
  if (airflow === window) return;
  let theirs;
  try {
    theirs = airflow.document.documentElement;
  } catch {
    return;
  }
  const follow = () => {
    const dark = theirs.classList.contains("dark");
    if (dark || theirs.classList.contains("light"))
      document.documentElement.dataset.theme = dark ? "dark" : "light";
  };
  follow();
  new MutationObserver(follow).observe(theirs, { attributeFilter: ["class"] });
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href]");
    if (!link || /^[#?]/.test(link.getAttribute("href"))) return;
    event.preventDefault();
    const away = airflow.document.createElement("a");
    away.href = link.href;
    away.rel = "noopener";
    if (link.origin !== location.origin || event.ctrlKey || event.metaKey) away.target = "_blank";
    away.click();
  });
})();
