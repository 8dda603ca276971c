# Lines of "row peer round requests ticks" become a table: medians, extremes, and medians of the ratios of each round.
function median(list, n,    i, j, kept) {
  for (i = 2; i <= n; i++)
    for (j = i; j > 1 && list[j - 1] > list[j]; j--) { kept = list[j]; list[j] = list[j - 1]; list[j - 1] = kept }
  return n % 2 ? list[(n + 1) / 2] : (list[n / 2] + list[n / 2 + 1]) / 2
}
function ratio(row, peer,    i, list) {
  for (i = 1; i <= rounds; i++) list[i] = cost[row, "doorward", i] / cost[row, peer, i]
  return median(list, rounds)
}
function shown(row, peer,    i, list, rates, middle) {
  for (i = 1; i <= rounds; i++) { list[i] = cost[row, peer, i]; rates[i] = rate[row, peer, i] }
  middle = median(list, rounds)
  return sprintf("%.1f (%.1f-%.1f) %d/s", middle, list[1], list[rounds], median(rates, rounds))
}
{
  if (!($1 in seen)) { seen[$1]; order[++rows] = $1 }
  cost[$1, $2, $3] = $5 / hertz * 1e6 / $4
  rate[$1, $2, $3] = $4 / seconds
  if ($3 > rounds) rounds = $3
}
END {
  print "CPU µs a request: median (least-most), and requests a second"
  print ""
  print "| | nginx, no sign-in | nginx, auth_request | Doorward, signed in | to nginx | to auth_request |"
  print "|---|---|---|---|---|---|"
  for (r = 1; r <= rows; r++) {
    row = order[r]
    printf "| %s | %s | %s | %s | %.2f | %.2f |\n", row, shown(row, "nginx"), shown(row, "auth_request"), \
      shown(row, "doorward"), ratio(row, "nginx"), ratio(row, "auth_request")
  }
}
