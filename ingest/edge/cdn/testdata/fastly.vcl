table edge_codes {
  "958:checkout": "p9012",
  "958:Summer Sale%2B5%25": "p9013",
  "958:check.ut": "p9014",
}

table edge_landing {
  "k21378": "https://shop.example/shoe%3Ftok%3D",
  "k21379": "https://other.example/",
  "k21380": "https://plain.example/a%3Fb%3D%241%26c%3D%24request%5Fid",
}

table edge_landing_2 {
  "k21378": "%26x%3D1",
}

table edge_image {
  "p9013": "https://pig.example/i%3Fa%3D1%26b%3D%242",
}

table edge_script {
  "p9013": "%28function%28d%29%7B%5B%5D.forEach%28function%28u%29%7Bvar s%3Dd.createElement%28%22script%22%29%3Bs.async%3Dtrue%3Bs.src%3Du%3B%28d.head%7C%7Cd.documentElement%29.appendChild%28s%29%7D%29%3B%5B%22https://pig.example/i%3Fa%3D1%26b%3D%242%22%5D.forEach%28function%28u%29%7Bnew Image%28%29.src%3Du%7D%29%3B%7D%29%28document%29%3B%0A",
  "p9014": "%28function%28d%29%7B%5B%22https://pig.example/a.js%3Fq%3D1%26r%3D%257Bx%257D%27%25C3%25A9%22%2C%22https://pig.example/b.js%22%5D.forEach%28function%28u%29%7Bvar s%3Dd.createElement%28%22script%22%29%3Bs.async%3Dtrue%3Bs.src%3Du%3B%28d.head%7C%7Cd.documentElement%29.appendChild%28s%29%7D%29%3B%5B%22https://pig.example/1%22%2C%22https://pig.example/2%22%5D.forEach%28function%28u%29%7Bnew Image%28%29.src%3Du%7D%29%3B%7D%29%28document%29%3B%0A",
}

table edge_hosts {
  "p9012": "h0",
  "t21378": "h0",
  "k21378": "h0",
  "t21379": "h1",
  "k21379": "h1",
  "t21381": "h0",
  "k21381": "h0",
  "t2766": "h0",
}

table edge_redirect_hosts {
  "h0 %2A.prostarr.example": "1",
  "h0 shop.example": "1",
  "h1 other.example": "1",
}

